"""Links to other projects, the API page, complete markup."""
