using System.Text.Json.Nodes;
using Granary.Cli.Output;

namespace Granary.Cli.Tests;

public class FormatterTests
{
    private static readonly RowsAnswer Queues = new(
        ["name", "messages", "arguments"],
        [
            ["q\"uo,te", 0, new JsonObject()],
            ["orders", 2, new JsonObject { ["x-message-ttl"] = 60000, ["x-queue-type"] = "classic", ["deep"] = new JsonObject { ["a"] = true } }],
        ]);

    [Fact]
    public void Table_OfRows_HasTabsAndPairs() => Assert.Equal(
        """
        name	messages	arguments
        q"uo,te	0	[]
        orders	2	[{"x-message-ttl",60000},{"x-queue-type","classic"},{"deep",[{"a",true}]}]

        """,
        Written("table", Queues));

    [Fact]
    public void Table_WithoutHeader_BeginsWithTheFirstRow() => Assert.StartsWith("q\"uo", Written("table", Queues, withHeader: false), StringComparison.Ordinal);

    [Fact]
    public void Table_NameWithATabAndABackslash_IsWrittenAsItIs() => Assert.Equal("a\tb\\d\t1\n", Written("table", new RowsAnswer(["name", "messages"], [["a\tb\\d", 1]]), withHeader: false));

    [Fact]
    public void Table_ArgumentWithATabAndABackslash_IsATermOfErlangs() => Assert.Equal(
        "[{\"k\\\\\",\"a\\tb\\nc\\\\d\"}]\n", Written("table", new RowsAnswer(["arguments"], [[new JsonObject { ["k\\"] = "a\tb\nc\\d" }]]), withHeader: false));

    [Fact]
    public void Table_WithoutRows_IsEmptyOrAnEmptyLine()
    {
        Assert.Equal("", Written("table", new RowsAnswer(["name"], [])));
        Assert.Equal("\n", Written("table", new RowsAnswer(["name"], [], ShowsNothing: true)));
    }

    [Fact]
    public void Json_OfRows_TellsTheTypesOfArguments() => Assert.Equal(
        """
        [
        {"name":"q\"uo,te","messages":0,"arguments":[]}
        ,{"name":"orders","messages":2,"arguments":[["x-message-ttl","signedint",60000],["x-queue-type","longstr","classic"],["deep","table",[["a","bool",true]]]]}
        ]

        """,
        Written("json", Queues));

    [Fact]
    public void Csv_OfRows_QuotesAll() => Assert.Equal(
        "\"name\",\"messages\"\n\"q\"\"uo,te\",\"0\"\n",
        Written("csv", new RowsAnswer(["name", "messages"], [["q\"uo,te", 0]])));

    [Fact]
    public void Erlang_OfRows_IsAListOfLists() => Assert.Equal(
        "[[{name,<<\"q\\\"uo\">>},{messages,0}],\n [{name,<<\"b\">>},{messages,2}]]\n",
        Written("erlang", new RowsAnswer(["name", "messages"], [["q\"uo", 0], ["b", 2]])));

    [Fact]
    public void PrettyTable_OfRows_DrawsLines() => Assert.Equal(
        "\u001b(0lqqqqqqk\u001b(B\n\u001b(0x\u001b(B \u001b[1mname\u001b[0m \u001b(0x\u001b(B\n\u001b(0tqqqqqqu\u001b(B\n\u001b(0x\u001b(B q    \u001b(0x\u001b(B\n\u001b(0mqqqqqqj\u001b(B\n",
        Written("pretty_table", new RowsAnswer(["name"], [["q"]])));

    [Fact]
    public void Find_OfAnUnknownName_IsNull() => Assert.Null(Formatter.Find("xml"));

    private static string Written(string formatter, Answer answer, bool withHeader = true)
    {
        using var output = new StringWriter { NewLine = "\n" };
        Formatter.Find(formatter)!.Write(output, answer, withHeader);
        return output.ToString();
    }
}
