"""Hostile requests to the S3 gateway, made from valid ones, one JSON object a line: the name of the case,
what is sent, and what must be answered: status and code, or no code where it is a neighbour that must
pass.

Most attackers here can do more than real ones: where a signature does not matter to the case, it is a
good one."""

import json

import s3_hostile_bodies as bodies
import s3_hostile_heads as heads
from s3_hostile_rows import rows

for group in (*heads.GROUPS, *bodies.GROUPS, heads.revoked):
    group()
for row in rows:
    print(json.dumps(row))
