"""The pages' styles, scripts and icons: bundled from npm packages and our own assets."""
