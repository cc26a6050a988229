package dialplan

import "testing"

// Text goes from one character set to another; a set that is not known is an error.
func TestIconv(t *testing.T) {
	for args, want := range map[string]string{
		"iso-8859-1,utf-8,caf\xe9": "café", "UTF-8,ISO-8859-1//TRANSLIT,café": "caf\xe9", "utf-8,gbk,中": "\xd6\xd0", "gbk,utf-8,\xd6\xd0\xce\xc4": "中文", "utf-8,utf-8,a,b": "a,b",
	} {
		if got, err := iconv(nil, args); got != want || err != nil {
			t.Errorf("ICONV(%s) is %q %v, want %q", args, got, err, want)
		}
	}
	for _, bad := range []string{"utf-8,x", "nothing,utf-8,x"} {
		if got, err := iconv(nil, bad); err == nil {
			t.Errorf("ICONV(%s) is %q", bad, got)
		}
	}
}
