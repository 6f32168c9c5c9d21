"""Topics of external subscriptions: made by the administrator, since no service may make a topic or a right of its own."""

import asyncio
from pathlib import Path

import asyncpg

from services.chassis import topics
from services.chassis.errors import TryAgainSoon
from services.chassis.settings import Settings
from services.chassis.store import Store
from services.notifications.outward.work import topic_of
from services.notifications.repository import outward

_SERVICE = "notifications"


async def make(settings: Settings, file: Path) -> list[str]:
    """Makes what is missing, says so a line each, and marks the subscriptions as ready."""
    if not (settings.secrets_folder / f"database-{_SERVICE}_machine").exists():
        return ["Topics of external subscriptions: not looked at, this job has no access to the database of notifications."]
    store = Store(settings, _SERVICE)
    try:
        wanted = await outward.topics_wanted(store)
        if not wanted:
            return []
        principals = {topic_of(subscription): principal for subscription, principal in wanted}
        said = await asyncio.to_thread(topics.make_own, settings, file, principals, _SERVICE)
        await outward.topics_are_ready(store, [subscription for subscription, _ in wanted])
        return said
    except asyncpg.UndefinedTableError:
        return ["Topics of external subscriptions: none yet, the tables are not there."]
    except TryAgainSoon as error:
        return [f"Topics of external subscriptions: not looked at, the database does not answer ({error.cause})."]
    finally:
        await store.close()
