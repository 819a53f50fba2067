"""Looking at rules with the past at hand: `tipstaff rules backtest`, `near`, `explain` and `lint`."""
