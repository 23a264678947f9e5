"""The demo consortium on one machine: `make up`."""
