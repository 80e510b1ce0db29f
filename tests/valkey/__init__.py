"""Real engines for tests: one, two of which one follows, guarded by sentinels, a cluster.

Every process listens on 127.0.0.1 alone, keeps its files in a directory of its own
that goes with it, and ends with the process that started it.
"""

from tests.valkey.cluster import Cluster
from tests.valkey.replicated import Replicated
from tests.valkey.sentinels import Sentinels
from tests.valkey.server import Valkey
from tests.valkey.tls import tls_in_front_of

__all__ = ["Cluster", "Replicated", "Sentinels", "Valkey", "tls_in_front_of"]
