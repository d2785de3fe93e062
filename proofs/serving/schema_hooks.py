"""What schemathesis is told of this API: how a session's bytes are sent."""

import schemathesis
from hypothesis import strategies

from statewise.server.routes import STATE_TYPE

schemathesis.openapi.media_type(STATE_TYPE, strategies.binary(max_size=4096))
