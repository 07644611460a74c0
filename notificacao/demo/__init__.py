"""Fill the site with people and notifications to try it: the demo data (`people`), a day of work (`simulation`)."""
