"""Makes as many calls at once as each line of stdin says, and prints their statuses as a line."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../docs/readers"))
sys.dont_write_bytecode = True
from token_reader import TokenReader  # noqa: E402

reader = TokenReader(os.environ["TOKEN_FILE"], os.environ["REJECTIONS_URL"], os.environ["IDENTITY_FILE"])
for line in sys.stdin:
    with ThreadPoolExecutor(int(line)) as pool:
        calls = [pool.submit(reader.call, os.environ["API_URL"]) for _ in range(int(line))]
        print(json.dumps([call.result().status for call in calls]), flush=True)
