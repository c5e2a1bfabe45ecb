"""One small module for each command of `autograde`."""
