package dialplan

// blacklist is BLACKLIST(): 1 if DB() has the caller's number or name in the family
// blacklist.
func blacklist(e *Env, _ string) (string, error) {
	if e.database == nil {
		return "", errNoDatabase
	}
	for _, field := range []string{"num", "name"} {
		key, err := e.Call("CALLERID", field)
		if err != nil || key == "" {
			continue
		}
		if _, found, err := e.database.Get("blacklist", key); err != nil || found {
			return oneIf(found), err
		}
	}
	return "0", nil
}
