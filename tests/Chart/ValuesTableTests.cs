using System.Globalization;
using System.Text.RegularExpressions;
using Granary.Testing.Processes;
using k8s;

namespace Granary.Chart.Tests;

/// <summary>The chart's README has a row for each value, and none that is not there. Needs no helm.</summary>
public sealed partial class ValuesTableTests
{
    private static readonly string Chart = RepositoryPath.Of("k8s", "granary");

    private static readonly Dictionary<string, string> Values = Leaves(
        KubernetesYaml.Deserialize<Dictionary<string, object>>(File.ReadAllText(Path.Combine(Chart, "values.yaml")))).ToDictionary();

    private static readonly List<Row> Rows = [.. RowPattern().Matches(File.ReadAllText(Path.Combine(Chart, "README.md")).Split("## Values")[1])
        .Select(match => new Row(match.Groups[1].Value, match.Groups[2].Value.Trim()))];

    [Fact]
    public void Values_All_HaveARow() => Assert.All(Values.Keys, path => Assert.Contains(Rows, row => row.Covers(path)));

    [Fact]
    public void Rows_All_AreOfAValue() => Assert.All(Rows, row => Assert.Contains(Values.Keys, row.Covers));

    [Fact]
    public void Rows_OfOneValue_SayItsDefault() => Assert.All(
        Rows.Where(row => Values.ContainsKey(row.Path)), row => Assert.Equal(Values[row.Path], row.Standard.Trim('`')));

    private static IEnumerable<KeyValuePair<string, string>> Leaves(IEnumerable<KeyValuePair<string, object>> values, string before = "") => values.SelectMany(value => value.Value switch
    {
        IDictionary<object, object> { Count: > 0 } inner => Leaves(inner.Select(one => KeyValuePair.Create($"{one.Key}", one.Value)), $"{before}{value.Key}."),
        IDictionary<object, object> => [KeyValuePair.Create($"{before}{value.Key}", "{}")],
        IEnumerable<object> list => [KeyValuePair.Create($"{before}{value.Key}", $"[{string.Join(", ", list)}]")],
        bool flag => [KeyValuePair.Create($"{before}{value.Key}", flag ? "true" : "false")],
        _ => [KeyValuePair.Create($"{before}{value.Key}", string.Create(CultureInfo.InvariantCulture, $"{value.Value}"))],
    });

    [GeneratedRegex(@"^\| `([^`]+)` \|([^|]*)\|", RegexOptions.Multiline)]
    private static partial Regex RowPattern();

    private sealed record Row(string Path, string Standard)
    {
        private readonly Regex _pattern = new($@"^{Regex.Escape(Path).Replace(@"\*", "[^.]+", StringComparison.Ordinal)}(\..*)?$");

        public bool Covers(string path) => _pattern.IsMatch(path);
    }
}
