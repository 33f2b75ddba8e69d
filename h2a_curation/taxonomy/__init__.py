"""The action classes: what one is, how files of them are read, checked, proposed and shown, and how they change."""
