package pbx

import (
	"errors"
	"strconv"
	"strings"

	"github.com/hometone/hometone/pbx/dialplan"
	"github.com/hometone/hometone/pbx/voicemail"
)

// vmCount is VMCOUNT(box[@context][&box…][,folder]): the messages in a folder, INBOX
// without; urgent messages are in the INBOX.
func (ch *channel) vmCount(args string) (string, error) {
	boxes, folder, _ := strings.Cut(args, ",")
	total := 0
	for name := range strings.SplitSeq(boxes, "&") {
		n, err := ch.messagesIn(name, folder)
		if err != nil {
			return "", err
		}
		total += n
	}
	return strconv.Itoa(total), nil
}

// messagesIn counts the messages of one box.
func (ch *channel) messagesIn(name, folder string) (int, error) {
	office := ch.Voicemail()
	b := office.Box(name)
	if b == nil {
		return 0, nil
	}
	if folder = strings.TrimSpace(folder); folder == "" {
		folder = voicemail.Inbox
	}
	folder, ok := voicemail.IsFolder(folder)
	if !ok {
		return 0, errors.New("there is no folder " + strconv.Quote(folder) + " of mailboxes")
	}
	n, err := office.Count(b, folder)
	if err == nil && folder == voicemail.Inbox {
		var urgent int
		urgent, err = office.Count(b, voicemail.Urgent)
		n += urgent
	}
	return n, err
}

// vmInfo is VM_INFO(box[@context],attribute[,folder]). The password is not told to the
// dialplan.
func (ch *channel) vmInfo(args string) (string, error) {
	list := append(dialplan.Args(args, 3), "", "", "")
	b := ch.Voicemail().Box(list[0])
	attribute := strings.ToLower(strings.TrimSpace(list[1]))
	if attribute == "exists" {
		if b == nil {
			return "0", nil
		}
		return "1", nil
	}
	if b == nil {
		return "", nil
	}
	switch attribute {
	case "count":
		n, err := ch.messagesIn(list[0], list[2])
		return strconv.Itoa(n), err
	case "email":
		return b.Email, nil
	case "pager":
		return b.Pager, nil
	case "fullname":
		return b.Name, nil
	case "language":
		return ch.Get("CHANNEL(language)"), nil
	case "locale":
		return "", nil
	case "tz":
		return b.Zone.String(), nil
	case "password":
		return "", errors.New("VM_INFO: passwords are not told to the dialplan")
	}
	return "", errors.New("VM_INFO: attribute is count, email, exists, fullname, language, locale, pager or tz")
}
