using System.Text;
using System.Text.Json;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Tests.Management;

public sealed class JsonBodyTests
{
    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData(@"{""\u00fc"":""\n\\\""\ud83d\ude00""}")]
    [InlineData(@"""\\ud800\\""")]
    [InlineData(@"""ü😀""")]
    public void Check_OfText_PassesIt(string json) => JsonBody.Check(Encoding.UTF8.GetBytes(json));

    // What is no JSON is the parser's to refuse.
    [Theory]
    [InlineData(@"""\")]
    [InlineData(@"""\u")]
    [InlineData(@"""\ud80")]
    [InlineData(@"""\u 12f""")]
    public void Check_OfWhatIsNoJson_LeavesItToTheParser(string json) => JsonBody.Check(Encoding.UTF8.GetBytes(json));

    [Theory]
    [InlineData("\"\\ud800\"", 1)]
    [InlineData("{\n\"a\":\n\"\\uDBFFx\"}", 3)]
    [InlineData("\"\\udc00\"", 1)]
    [InlineData("\"\\ud83d\\ud83d\\ude00\"", 1)]
    [InlineData("\"\\ud83d\\n\\ude00\"", 1)]
    [InlineData("\"\\ud83d", 1)]
    public void Check_OfHalfASurrogatePair_SaysTheLine(string json, int line) =>
        Assert.Equal($"a text has half of a surrogate pair, line {line}", Assert.Throws<JsonException>(() => JsonBody.Check(Encoding.UTF8.GetBytes(json))).Message);

    [Theory]
    [InlineData("22 9C 22", 1)]
    [InlineData("7B 0A 22 C3 22", 2)]
    [InlineData("22 ED A0 80 22", 1)]
    [InlineData("0A 0A 22 F0 9F 98", 3)]
    public void Check_OfOctetsThatAreNotUtf8_SaysTheLine(string octets, int line) => Assert.Equal(
        $"the body is not UTF-8, line {line}",
        Assert.Throws<JsonException>(() => JsonBody.Check(Convert.FromHexString(octets.Replace(" ", "", StringComparison.Ordinal)))).Message);
}
