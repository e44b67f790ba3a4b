"""Training beside serving: the process that trains, who starts it, and the commands."""
