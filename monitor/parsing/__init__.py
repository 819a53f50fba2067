"""Reading feeds in child processes that can be killed; what an entry means to anybody is not decided here."""
