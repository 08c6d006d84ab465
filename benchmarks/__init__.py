"""What the exporter costs, measured on this machine: `make benchmark`."""
