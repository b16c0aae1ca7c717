"""The asset graph, one module a group. Belongs here: reading, one domain call, writing, metadata.
Not here: domain logic.
"""
