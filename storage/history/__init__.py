"""What the rule engine needs remembered: the documents of the past, and what each rule was when it fired."""
