"""A thin node: no consensus, no application; every answer is verified from headers before it is given."""
