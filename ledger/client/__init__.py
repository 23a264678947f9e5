"""The ledger's client: private to the ledger, published through `ledger.api`."""
