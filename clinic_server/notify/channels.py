"""Out of the house: WeCom, DingTalk, Feishu, SMTP, ntfy, webhooks, by apprise addresses.

The only file that imports apprise. An address is a secret and never logged.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout

import apprise

TIMEOUT_S = 10.0
"""A channel that has not answered by then has failed; the message is tried again."""
_log = logging.getLogger(__name__)


def is_address(address: str) -> bool:
    """Say whether apprise knows what to do with an address."""
    return bool(apprise.Apprise().add(address))


def send(address: str, title: str, body: str) -> str:
    """Hand one message to a channel.

    Parameters
    ----------
    address : str
        An apprise address.

    Returns
    -------
    str
        Empty when it was taken, else ``bad_address``, ``timeout`` or ``refused``.
    """
    channel = apprise.Apprise()
    if not channel.add(address):
        return "bad_address"
    pool = ThreadPoolExecutor(max_workers=1)
    try:
        taken = pool.submit(channel.notify, body=body, title=title).result(TIMEOUT_S)
    except FutureTimeout:
        return "timeout"
    except OSError as error:
        _log.warning("channel failed: %s", type(error).__name__)
        return "refused"
    finally:
        pool.shutdown(wait=False)  # a hanging channel must not hold the others
    return "" if taken else "refused"
