"""bondsig: does the corporate bond market know something about a company before its stock does?

Belongs here: nothing but what must hold before any other import. Not here: names to import.
"""

import os

# OpenMP threads that spin while they wait halve the speed of everything beside them on a
# small machine; libgomp reads this once, when it is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
