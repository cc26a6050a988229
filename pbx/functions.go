package pbx

import "fmt"

// channelFunction is a function of the dialplan that belongs to the channel. A
// nil read or write is not possible.
type channelFunction struct {
	read  func(ch *channel, args string) (string, error)
	write func(ch *channel, args, value string) error
	doc   string // one sentence for the table in the documentation
}

// channelFunctions is the table of functions that a channel answers itself.
func channelFunctions() map[string]channelFunction {
	return map[string]channelFunction{
		"AGC":                        {read: readNote("AGC"), write: writeNote("AGC"), doc: "Accepted: the level of the sound is left as it is."},
		"AST_CONFIG":                 {read: (*channel).astConfig, doc: "A value of a configuration file."},
		"AST_SORCERY":                {read: (*channel).astSorcery, doc: "An option of an object of pjsip.conf."},
		"AUDIOHOOK_INHERIT":          {read: readNote("AUDIOHOOK_INHERIT"), write: writeNote("AUDIOHOOK_INHERIT"), doc: "Accepted: recordings follow the channel in any case."},
		"CALLERID":                   {read: (*channel).readCallerID, write: (*channel).writeCallerID, doc: "Who calls: number, name, presentation and the rest."},
		"CDR":                        {read: (*channel).readCDR, write: (*channel).writeCDRField, doc: "The call's record as it stands."},
		"CDR_PROP":                   {write: (*channel).writeCDRProperty, doc: "Switches the call's record off."},
		"CHANNEL":                    {read: (*channel).readChannel, write: (*channel).writeChannel, doc: "What the channel is and where; hangup handlers."},
		"CHANNELS":                   {read: (*channel).readChannels, doc: "The names of the channels that fit an expression."},
		"CHANNEL_EXISTS":             {read: (*channel).channelExists, doc: "1 if there is a channel of a name."},
		"CONNECTEDLINE":              {read: (*channel).readConnected, write: (*channel).writeConnected, doc: "Who the caller is told that it talks with."},
		"CURL":                       {read: (*channel).curl, doc: "Fetches a URL that pbx.curl allows."},
		"CURLOPT":                    {read: (*channel).readCurlOption, write: (*channel).writeCurlOption, doc: "How CURL fetches."},
		"DENOISE":                    {read: readNote("DENOISE"), write: writeNote("DENOISE"), doc: "Accepted: noise is left as it is."},
		"ENUMLOOKUP":                 {read: (*channel).enumLookup, doc: "The URI of a number by ENUM."},
		"ENUMQUERY":                  {read: (*channel).enumQuery, doc: "Asks for the URIs of a number by ENUM."},
		"ENUMRESULT":                 {read: (*channel).enumResult, doc: "An answer to ENUMQUERY."},
		"EXPORT":                     {write: (*channel).export, doc: "Sets a variable of another channel."},
		"FEATURE":                    {read: (*channel).readFeature, write: (*channel).writeFeature, doc: "An option of features.conf, for the channel."},
		"FEATUREMAP":                 {read: (*channel).readFeatureMap, write: (*channel).writeFeatureMap, doc: "The keys of a feature, for the channel."},
		"HANGUPCAUSE":                {read: (*channel).readHangupCause, doc: "Why a called channel ended."},
		"HANGUPCAUSE_KEYS":           {read: (*channel).hangupCauseKeys, doc: "The called channels whose end HANGUPCAUSE knows."},
		"IMPORT":                     {read: (*channel).imports, doc: "A variable or function of another channel."},
		"JITTERBUFFER":               {read: readNote("JITTERBUFFER"), write: writeNote("JITTERBUFFER"), doc: "Accepted: packets are passed on as they come."},
		"LOCK":                       {read: (*channel).lock, doc: "Waits for a lock that one channel at a time can have."},
		"MASTER_CHANNEL":             {read: (*channel).readMaster, write: (*channel).writeMaster, doc: "A variable of the channel that the call began with."},
		"MESSAGE":                    {read: (*channel).readText, write: (*channel).writeText, doc: "The message that came in, or that MessageSend sends."},
		"MESSAGE_DATA":               {read: (*channel).readTextData, write: (*channel).writeTextData, doc: "A header of the message."},
		"MIXMONITOR":                 {read: (*channel).mixMonitorInfo, doc: "The file of a recording."},
		"PARK_GET_CHANNEL":           {read: (*channel).parkGetChannel, doc: "The channel in a parking space."},
		"PJSIP_AOR":                  {read: (*channel).pjsipAOR, doc: "An option of an aor, or its contacts."},
		"PJSIP_CONTACT":              {read: (*channel).pjsipContact, doc: "What is known of a contact."},
		"PJSIP_DIAL_CONTACTS":        {read: (*channel).pjsipDialContacts, doc: "What Dial is told to call all contacts of an endpoint."},
		"PJSIP_DTMF_MODE":            {read: (*channel).readDTMFMode, write: (*channel).writeDTMFMode, doc: "How the channel's keys are sent."},
		"PJSIP_ENDPOINT":             {read: (*channel).pjsipEndpoint, doc: "An option of an endpoint."},
		"PJSIP_HEADER":               {read: (*channel).readHeader, write: (*channel).writeHeader, doc: "Reads a header of the INVITE; in a pre-dial handler, adds one."},
		"PJSIP_HEADERS":              {read: (*channel).readHeaders, doc: "The names of the INVITE's headers that begin with a prefix."},
		"PJSIP_HEADER_PARAM":         {read: (*channel).readHeaderParam, doc: "A parameter of a header or of its URI."},
		"PJSIP_INHERITABLE_HEADER":   {write: (*channel).writeInheritedHeader, doc: "Adds a header to the INVITEs of the telephones that the channel calls."},
		"PJSIP_MEDIA_OFFER":          {read: (*channel).readMediaOffer, write: (*channel).writeMediaOffer, doc: "The codecs of the channel's offer."},
		"PJSIP_PARSE_URI":            {read: (*channel).parseURI, doc: "A part of a SIP URI."},
		"PJSIP_PARSE_URI_FROM":       {read: (*channel).parseURIFrom, doc: "A part of the SIP URI in a variable."},
		"PJSIP_RESPONSE_HEADER":      {read: (*channel).readResponseHeader, doc: "A header of a called telephone's answer."},
		"PJSIP_RESPONSE_HEADERS":     {read: (*channel).readResponseHeaders, doc: "The names of the answer's headers that begin with a prefix."},
		"PJSIP_SEND_SESSION_REFRESH": {write: (*channel).sendRefresh, doc: "Sends a re-INVITE or UPDATE."},
		"REDIRECTING":                {read: (*channel).readRedirecting, write: (*channel).writeRedirecting, doc: "How the call came to be sent elsewhere."},
		"SRVQUERY":                   {read: (*channel).srvQuery, doc: "Asks for the SRV records of a service."},
		"SRVRESULT":                  {read: (*channel).srvResult, doc: "An answer to SRVQUERY."},
		"SYSINFO":                    {read: (*channel).sysInfo, doc: "Load, memory and calls of the system."},
		"TIMEOUT":                    {read: (*channel).readTimeout, write: (*channel).writeTimeout, doc: "How long the call, a key and the first key may take."},
		"TRYLOCK":                    {read: (*channel).tryLock, doc: "Takes a lock if nobody has it."},
		"TXTCIDNAME":                 {read: (*channel).txtCIDName, doc: "The name of a number by DNS."},
		"UNLOCK":                     {read: (*channel).unlock, doc: "Gives a lock back."},
		"VERSION":                    {read: version, doc: "The version of the program."},
		"VMCOUNT":                    {read: (*channel).vmCount, doc: "The messages in a folder of mailboxes."},
		"VM_INFO":                    {read: (*channel).vmInfo, doc: "What is known of a mailbox; not its password."},
		"VOLUME":                     {read: readNote("VOLUME"), write: writeNote("VOLUME"), doc: "Accepted: the volume is left as it is."},
	}
}

// ChannelFunctions returns the functions that belong to the channel, with a
// sentence on each for the documentation.
func ChannelFunctions() map[string]string {
	docs := map[string]string{}
	for name, f := range channelFunctions() {
		docs[name] = f.doc
	}
	return docs
}

// ReadFunction implements dialplan.Channel.
func (ch *channel) ReadFunction(name, args string) (string, bool, error) {
	f, ok := ch.srv.owned[name]
	if !ok {
		return "", false, nil
	}
	if f.read == nil {
		return "", true, fmt.Errorf("function %s cannot be read", name)
	}
	value, err := f.read(ch, args)
	return value, true, err
}

// WriteFunction implements dialplan.Channel.
func (ch *channel) WriteFunction(name, args, value string) (bool, error) {
	f, ok := ch.srv.owned[name]
	if !ok {
		return false, nil
	}
	if f.write == nil {
		return true, fmt.Errorf("function %s cannot be set", name)
	}
	return true, f.write(ch, args, value)
}

// readNote and writeNote are functions whose value is kept and has no effect.
func readNote(name string) func(*channel, string) (string, error) {
	return func(ch *channel, args string) (string, error) { return ch.notes[name+"("+args+")"], nil }
}

func writeNote(name string) func(*channel, string, string) error {
	return func(ch *channel, args, value string) error {
		if len(ch.notes) >= maxNotes || len(args) > maxNote || len(value) > maxNote {
			return fmt.Errorf("function %s: too much to keep", name)
		}
		ch.note(name+"("+args+")", value)
		return nil
	}
}

// What functions without effect may keep for one channel.
const (
	maxNotes = 64
	maxNote  = 256 // bytes
)
