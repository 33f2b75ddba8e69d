"""Devices, processes, precision, memory and speed of a training run."""
