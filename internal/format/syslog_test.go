package format

import (
	"strings"
	"testing"
)

func TestSyslogNGPlaces(t *testing.T) {
	nasty := str("a\"b\\c`d\n$HOST @x'é😀\x01")
	escaped := `a\x22b\x5cc\x60d\x0a$HOST @x'é😀\x01`
	d := func(s string) string { return "destination d { " + s + " };\n" }
	checkPlaces(t, syslogNG{}, []place{
		{d("network({{}} port({{}}) transport(tls) tls(ca-file({{}})));"), nasty, d(`network("` + escaped + `" port("` + escaped + `") transport(tls) tls(ca-file("` + escaped + `")));`)},
		{d(`network("x{{}}y" port({{}}));`), num("514"), d(`network("x514y" port(514));`)},
		{d("amqp(password( {{}} ) username('x{{}}'));"), str(`a"b\$c`), d(`amqp(password( "a\x22b\x5c$c" ) username('xa"b\$c'));`)},
		{d("amqp(username('{{}}'));"), str("a'b"), "!single quotes cannot hold"},
		{d("amqp(username('{{}}'));"), str("a`b"), "!single quotes cannot hold"},
		{d("amqp(username('{{}}'));"), str("a\nb"), "!single quotes cannot hold"},
		{d("network({{}});"), str("\x00"), "!NUL"},
		{d("network({{}});"), str(strings.Repeat("x", 8001)), "!longer than the 8000 bytes"},
		{d("network({{}} ip({{}}));"), str(strings.Repeat("x", 5000)), "!line 1: is longer"},
		{d("network(\"h\" tls(peer-verify({{}})));"), boolean(true), d("network(\"h\" tls(peer-verify(yes)));")},
		{d("network(\"h\" tls(peer-verify(\"{{}}\")));"), boolean(false), d("network(\"h\" tls(peer-verify(\"false\")));")},
		{d("network(\"h\" x({{}}));"), num("9223372036854775808"), "!whole one of 64 bits"},
		{d("network(\"h\" x({{}}));"), num("1e3"), "!without exponent"},
		{d("network(\"h\" x({{}}));"), num("-1.5"), d("network(\"h\" x(-1.5));")},
		{d("network(\"h\" x({{}}));"), null(), "!has no value"},
		{d("network(\"h\" x({{}}));"), tree(t, "[]"), "!is an array"},
		{d("network(\"h\" tags({{}} {{}}, {{}}));"), str("a-b.c"), d(`network("h" tags("a-b.c" "a-b.c", "a-b.c"));`)},
		{d("network(\"h\" tags({{}}));"), str("$HOST"), "!letters, digits"},
		{d("network(\"h\" template(\"<${PRI}>1 $ISODATE [{{}}@41058 tag=\\\"{{}}\\\"] $MSG\\n\"));"), str("a-1"), d("network(\"h\" template(\"<${PRI}>1 $ISODATE [a-1@41058 tag=\\\"a-1\\\"] $MSG\\n\"));")},
		{d("network(\"h\" template(\"[{{}}]\"));"), str("a]"), "!letters, digits"},
		{d("file({{}});"), str("/var/log/$HOST"), "!letters, digits"},
		{d("file({{}});"), str("/var/log/x"), d(`file("/var/log/x");`)},
		{"@version: 3.38\n@include \"scl.conf\"\n# c (\noptions { use-dns(no); };\nsource s { internal(); };\nlog { source(s); filter { level(info); }; destination { network({{}}); }; };\n", str("h"),
			"@version: 3.38\n@include \"scl.conf\"\n# c (\noptions { use-dns(no); };\nsource s { internal(); };\nlog { source(s); filter { level(info); }; destination { network(\"h\"); }; };\n"},
		{"log { if (level(info)) { destination(a); } else { destination(b); }; flags(final); };\n", nil, "log { if (level(info)) { destination(a); } else { destination(b); }; flags(final); };\n"},
		{d("file(\"`dir`/x``y\" perm(0600) flags(a,b));"), nil, d("file(\"`dir`/x``y\" perm(0600) flags(a,b));")},
		{"template t { template(\"$MSG {{}}\"); };\n", str("x"), "template t { template(\"$MSG x\"); };\n"},

		{"destination {{}} { };\n", str("d"), "!name of a statement"},
		{"destination d_{{}} { };\n", str("d"), "!name of a statement"},
		{d("{{}}(\"x\");"), str("d"), "!name of a statement"},
		{d("file(`{{}}`);"), str("d"), "!backticks"},
		{d("file(\"`{{}}`\");"), str("d"), "!backticks"},
		{d("x(template(\"${{}}\"));"), str("d"), "!macro"},
		{d("x(template(\"${{{}}}\"));"), str("d"), "!macro"},
		{d("x(template(\"$HOST{{}}\"));"), str("d"), "!macro"},
		{d("x(template(\"${HOST}{{}}\"));"), str("d"), "!macro"},
		{d("x(template(\"${HOST}@{{}}\"));"), str("d"), "!macro"},
		{d("x(template(\"$(format-json x={{}})\"));"), str("d"), "!function"},
		{d("x(template(\"$(echo \\\"(\\\") {{}}\"));"), str("d"), "!function"},
		{d("x(template(\"\\${{}}\"));"), str("d"), "!macro"},
		{d("x(template(\"\\x24{{}}\"));"), str("d"), "!macro"},
		{d("x(template('${{}}'));"), str("d"), "!macro"},
		{d("x(a(\"\\{{}}\"));"), str("d"), "!backslash"},
		{d("x(a(\"\\x{{}}\"));"), str("d"), "!backslash"},
		{d("x(a(\"\\x2g\"));"), str("d"), "!hex"},
		{d("x(a{{}});"), str("d"), "!blank must stand before"},
		{d("x(a({{}}{{}}));"), num("1"), "!blank must stand before"},
		{d("x(a({{}}5));"), num("1"), "!blank or a bracket"},
		{d("x(a(\"b\"c));"), nil, "!blank or a bracket"},
		{d("x(a(b\"c\"));"), nil, "!blank must stand before"},
		{"@define x {{}}\n", str("d"), "!name of a statement"},
		{"# {{}}\n", str("d"), "!comment"},
		{"filter f { host({{}}); };\n", str("d"), "!pattern"},
		{"rewrite r { set({{}}); };\n", str("d"), "!pattern"},
		{"log { filter { host({{}}); }; };\n", str("d"), "!pattern"},
		{"block destination b(a({{}})) { };\n", str("d"), "!pattern"},
		{"python {\nx\n};\n", nil, "!file of its own"},
		{d("x(a(b)"), nil, "!closes none"},
		{d("x(a(b)));"), nil, "!closes none"},
		{"destination d { x(a(", nil, "!not closed"},
		{d("x(\"a);"), nil, "!quote is not closed"},
		{d("x(é);"), nil, "!only in a string"},
		{d("x(a\\b);"), nil, "!only in a string"},
		{" @version: 3\n", nil, "!beginning of a line"},
		{d("x(a);\r"), nil, "!control"},
	})
}

func TestSyslogNGJoin(t *testing.T) {
	f := syslogNG{}
	before, after := "destination d { network(\"h\" ", "); };\n"
	checkJoin(t, f, before+"port(", "{{}}", "514", ")"+after, true)
	checkJoin(t, f, before+"port(", "{{}}", "514", "5)"+after, false)
	checkJoin(t, f, before+"port(", "5", "6", ")"+after, true)
	checkJoin(t, f, before, "tls(ca-file({{}})) ", "", "x(y)"+after, true)
	checkJoin(t, f, before, "tls(ca-file({{}}))", "", after, true)
	checkJoin(t, f, before+"tags(", "{{}}", "", ")"+after, true)
	checkJoin(t, f, before+"tags(", "{{}} ", "", "{{}})"+after, true)
	checkJoin(t, f, before+"x(\"", "{{}}", "y", "\")"+after, true)
	checkJoin(t, f, before+"x(", "a(", "b(", "{{}}))"+after, false)
	checkJoin(t, f, "", "log { };\n", "", "log { };\n", true)
	checkJoin(t, f, "destination ", "a", "b", "{ };\n", false)

	// where the option's name depends on a branch, it isn't known
	s, _ := f.Text(f.Start(), before+"password ")
	other, _ := f.Text(f.Start(), before+"template ")
	s, ok := f.Join(s, other)
	s, _ = f.Text(s, "(")
	w, _, err := f.Action(s)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if _, err := w(str("$HOST")); err == nil {
		t.Error("where the option's name isn't known, any string is taken")
	}
	checkWhole(t, f, tree(t, "{}"), "!needs a template")
}

func TestRsyslogPlaces(t *testing.T) {
	nasty := str("a\"b\\c\n\t$x%y'`é😀")
	escaped := `a\"b\\c\n\t$x%y'` + "`é😀"
	checkPlaces(t, rsyslog{}, []place{
		{"action(type=\"omfwd\" target={{}} port=\"{{}}\")\n", nasty, "action(type=\"omfwd\" target=\"" + escaped + "\" port=\"" + escaped + "\")\n"},
		{"Action ( Target = \"x{{}}\" queue.size={{}} )\n", num("514"), "Action ( Target = \"x514\" queue.size=\"514\" )\n"},
		{"action(x={{}})\n", boolean(true), "action(x=\"on\")\n"},
		{"action(x=\"{{}}\")\n", boolean(false), "action(x=\"off\")\n"},
		{"action(x={{}})\n", null(), "!has no value"},
		{"action(permittedpeer={{}})\n", tree(t, `["a b", 5]`), "action(permittedpeer=[\"a b\", \"5\"])\n"},
		{"action(permittedpeer=[{{}}, \"x{{}}\"])\n", str("a b"), "action(permittedpeer=[\"a b\", \"xa b\"])\n"},
		{"action(permittedpeer=[{{}}])\n", tree(t, `["a"]`), "!is an array"},
		{"action(permittedpeer={{}})\n", tree(t, `[]`), "!is empty"},
		{"action(permittedpeer={{}})\n", tree(t, `["a", null]`), "![1]: has no value"},
		{"action(x={{}})\n", str("a b"), "!letters, digits"},
		{"action(target={{}})\n", str("\x00"), "!control"},
		{"action(target={{}})\n", str("\x1b"), "!control"},
		{"action(target={{}})\n", str(strings.Repeat("x", 10001)), "!longer than the 10000 bytes"},
		{"action(target={{}} file={{}})\n", str(strings.Repeat("x", 6000)), "!line 1: is longer"},
		{"template(name=\"t\" type=\"string\" string=\"<%PRI%>1 [{{}}@41058 tag=\\\"{{}}\\\"] %msg%\\n\")\n", str("a-1"), "template(name=\"t\" type=\"string\" string=\"<%PRI%>1 [a-1@41058 tag=\\\"a-1\\\"] %msg%\\n\")\n"},
		{"template(string=\"{{}}\")\n", str("%msg%"), "!letters, digits"},
		{"template(name=\"t\" type=\"list\") { constant(value={{}}) property(name=\"msg\") }\n", str("x"), "template(name=\"t\" type=\"list\") { constant(value=\"x\") property(name=\"msg\") }\n"},
		{"constant(value={{}})\n", str(`\n`), "!letters, digits"},
		{"template(file={{}})\n", str("a b"), "!letters, digits"},
		{"*.* action(target={{}})\nmail.info;auth.* action(target={{}})\n", str("h"), "*.* action(target=\"h\")\nmail.info;auth.* action(target=\"h\")\n"},
		{"if $msg contains \"action(\" then action(target={{}})\nif ($x == 'a\\'b') then {\n  action(target={{}}) stop\n} else action(target={{}})\n", str("h"),
			"if $msg contains \"action(\" then action(target=\"h\")\nif ($x == 'a\\'b') then {\n  action(target=\"h\") stop\n} else action(target=\"h\")\n"},
		{"# c\n$WorkDirectory /x\n:msg, contains, \"x\" /var/log/x\n*.* @@host:514\n& stop\n/* c */ action(/* ) */ # )\n  target={{}}\n)\n", str("h"),
			"# c\n$WorkDirectory /x\n:msg, contains, \"x\" /var/log/x\n*.* @@host:514\n& stop\n/* c */ action(/* ) */ # )\n  target=\"h\"\n)\n"},
		{"ruleset(name=\"r\") {\n  action(target={{}})\n}\n", str("h"), "ruleset(name=\"r\") {\n  action(target=\"h\")\n}\n"},
		{"action(x=`echo $HOME`)\n", nil, "action(x=`echo $HOME`)\n"},
		{"template(string=\"%msg:R,ERE,1:\\\\d--end% {{}}\")\n", str("x"), "template(string=\"%msg:R,ERE,1:\\\\d--end% x\")\n"},

		{"*.* @@{{}}:514\n", str("h"), "!parameters of an object"},
		{"$WorkDirectory {{}}\n", str("h"), "!parameters of an object"},
		{"*.* /var/log/x action(target={{}})\n", str("h"), "!parameters of an object"},
		{"if x action(target={{}})\n", str("h"), "!parameters of an object"},
		{":msg, contains, \"x\" action(target={{}})\n", str("h"), "!parameters of an object"},
		{"if $msg == {{}} then stop\n", str("h"), "!parameters of an object"},
		{"if $msg == \"{{}}\" then stop\n", str("h"), "!parameters of an object"},
		{"{{}}", str("h"), "!parameters of an object"},
		{"# {{}}\n", str("h"), "!comment"},
		{"/* {{}} */", str("h"), "!comment"},
		{"action(/* {{}} */)", str("h"), "!comment"},
		{"action( # {{}}\n)", str("h"), "!comment"},
		{"action({{}}=\"x\")\n", str("h"), "!name"},
		{"action(x{{}}=\"x\")\n", str("h"), "!name"},
		{"action(x {{}})\n", str("h"), "!name"},
		{"action(x=[\"a\" {{}}])\n", str("h"), "!comma"},
		{"action(x=`echo {{}}`)\n", str("h"), "!backticks"},
		{"action(x=\"\\{{}}\")\n", str("h"), "!backslash"},
		{"action(x=\"\\1{{}}\")\n", str("h"), "!backslash"},
		{"template(string=\"%{{}}%\")\n", str("h"), "!property"},
		{"action(x=514)\n", nil, "!double quotes must"},
		{"action(x='a')\n", nil, "!double quotes must"},
		{"action(x=\"a\\qb\")\n", nil, "!no escape"},
		{"action(x=\"a\nb\")\n", nil, "!one line"},
		{"action(\"a\")\n", nil, "!parameter or )"},
		{"action(x=[\"a\" \"b\"])\n", nil, "!comma or ]"},
		{"action(x=\"a\"", nil, "!not closed"},
		{"action(x=\"a", nil, "!not closed"},
		{"if $x == \"a\n", nil, "!not closed"},
		{"/* x", nil, "!not closed"},
		{"action(x=\"a\")\r\n", nil, "!control"},
	})
	f := rsyslog{}
	checkJoin(t, f, "action(target=", "{{}}", "\"x\"", ")\n", true)
	checkJoin(t, f, "action(target=\"", "{{}}", "x", "\")\n", true)
	checkJoin(t, f, "action(x=\"a\" ", "target={{}} ", "", ")\n", true)
	checkJoin(t, f, "", "action(target={{}})\n", "", "stop\n", true)
	checkJoin(t, f, "action(x=", "{{}}", "", "\"a\")\n", false)
	checkJoin(t, f, "", "action(", "template(", "x={{}})\n", false)
	checkWhole(t, f, tree(t, "{}"), "!needs a template")
}
