from tests.heartbeat.runner.conftest import runs as runs
