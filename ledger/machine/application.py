"""The consortium's contracts as one deterministic application, with CometBFT's method names (ABCI 2.0).

Signatures (being filled in):

class Application:
    def __init__(self, keep_versions: int = 16) -> None
    def info(self) -> Info
    def init_chain(self, chain_id: str, app_state: Mapping[str, Any]) -> bytes            # app hash
    def check_tx(self, wire: bytes, now_ms: int) -> CheckResult                           # mempool, incl. recheck
    def prepare_proposal(self, txs: Sequence[bytes], max_bytes: int, time_ms: int) -> list[bytes]
    def process_proposal(self, txs: Sequence[bytes], time_ms: int) -> bool
    def finalize_block(self, txs: Sequence[bytes], height: int, time_ms: int) -> BlockResult
    def commit(self) -> Info
    def query(self, key: bytes, prove: bool = False, height: int = 0) -> QueryResult      # 0: latest
    def snapshot(self) -> bytes
    @classmethod
    def restore(cls, snapshot: bytes, app_hash: bytes) -> Application
`time_ms` is the block header's time, floored to milliseconds.
"""
