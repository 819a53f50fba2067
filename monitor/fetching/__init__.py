"""The one way out over HTTP: guard, client and diagnosis; what is read from a page is not decided here."""
