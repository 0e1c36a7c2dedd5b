"""The form people sign in to the board with; tries are counted (C-16)."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.forms import AuthenticationForm

from paperclip.companies import accounts
from paperclip.core import clock, hosts
from paperclip.core.errors import TooManyRequests, Unauthorized


class LoginForm(AuthenticationForm):
    """Name or address, and password."""

    def clean(self) -> dict[str, Any]:
        """Sign the person in. A wrong pair, and one try too many, are said above the fields."""
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if self.request is None or not name or not password:
            return dict(self.cleaned_data)
        try:
            self.user_cache = accounts.sign_in(
                name=name,
                password=password,
                address=hosts.client_address(self.request),
                now=clock.now(),
                request=self.request,
            )
        except Unauthorized as error:
            raise self.get_invalid_login_error() from error
        except TooManyRequests as error:
            raise forms.ValidationError(error.message, code="too_many") from error
        self.confirm_login_allowed(self.user_cache)
        return dict(self.cleaned_data)
