"""Places where parts run: worker processes and threads of this machine, or the process that builds."""
