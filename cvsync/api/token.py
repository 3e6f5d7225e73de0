"""Bearer tokens of Microsoft Entra ID, for resources with a custom subdomain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cvsync.errors import SettingsError
from cvsync.settings import TokenSource

SCOPE = "https://cognitiveservices.azure.com/.default"  # docs: the audience of Azure AI services


@asynccontextmanager
async def azure_tokens() -> AsyncIterator[TokenSource]:
    """Give tokens of whoever is signed in: environment, managed identity, Azure CLI; renewed when they end.

    Raises:
        SettingsError: cvsync's `azure` extra is missing. What it gives raises one where nobody is signed in.
    """
    try:
        from azure.core.exceptions import AzureError
        from azure.identity.aio import DefaultAzureCredential
    except ImportError as error:
        raise SettingsError("this needs cvsync's `azure` extra: pip install 'cvsync[azure]'") from error
    async with DefaultAzureCredential() as credential:

        async def token() -> str:
            try:
                found = await credential.get_token(SCOPE)
            except AzureError as error:  # it says which ways to sign in were tried
                raise SettingsError(f"no token to call the service with: {error}") from error
            return str(found.token)

        yield token
