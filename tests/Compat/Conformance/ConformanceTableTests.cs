using System.Text;
using Granary.Testing.Processes;

namespace Granary.Compat.Tests.Conformance;

/// <summary>docs/conformance.md lists the rows as they are tested.</summary>
public sealed class ConformanceTableTests
{
    private static readonly ConformanceSection[] Sections =
    [
        QueueArgumentCases.Section, OtherArgumentCases.Section, ValidationCases.Section, PropertyCases.Section, DeathCases.Section, DeliveryCases.Section, PublishingCases.Section,
        QueueLifeCases.Section, ConsumerCases.Section, ExchangeCases.Section, PolicyCases.Section,
    ];

    [Fact]
    public void Document_OfAllSections_ListsTheirRows()
    {
        var expected = Path.Combine(AppContext.BaseDirectory, "conformance.md");
        File.WriteAllText(expected, Table());
        Assert.True(
            Table() == File.ReadAllText(RepositoryPath.Of("docs", "conformance.md")),
            $"docs/conformance.md is not what the cases say; what they say is in {expected}: copy it.");
    }

    [Fact]
    public void Rows_OfEachSection_HaveNamesOfTheirOwn() => Assert.All(Sections, section => Assert.Equal(section.Cases.Length, section.Cases.DistinctBy(one => one.Name).Count()));

    [Fact]
    public void Elsewhere_EachTest_IsThere()
    {
        foreach (var row in Sections.SelectMany(section => section.Elsewhere))
        {
            var path = RepositoryPath.Of(row.File.Split('/'));
            Assert.True(File.Exists(path), $"{row.Name}: there is no {row.File}.");
            Assert.Contains(row.Test, File.ReadAllText(path), StringComparison.Ordinal);
        }
    }

    private static string Table()
    {
        var table = new StringBuilder();
        table.AppendLine("# Conformance with RabbitMQ, row by row").AppendLine()
            .AppendLine("What `tests/Compat/Conformance` sends as raw frames to Granary in each run of the tests, and to RabbitMQ 3.10.8 by `tests/Compat/conformance.sh`. "
                + "Where the last column is empty, both pass the row. Elsewhere RabbitMQ 3.10 does what the column says, and the version that is named behaves as Granary does. "
                + "The file is written by the suite: change the cases, not it.");
        foreach (var section in Sections)
        {
            table.AppendLine().AppendLine($"## {section.Title}").AppendLine().AppendLine("| row | RabbitMQ 3.10 |").AppendLine("|---|---|");
            foreach (var one in section.Cases)
            {
                table.AppendLine($"| {Cell(one.Name)} | {Cell(Words(one.Differs))} |");
            }

            foreach (var row in section.Elsewhere)
            {
                table.AppendLine($"| {Cell(row.Name)} | see `{row.File}`{(row.Test.Length > 0 ? $", {row.Test}" : "")} |");
            }
        }

        return table.ToString();
    }

    private static string Words(Disagreement? differs) => differs switch
    {
        null => "",
        { Version: { } version } => $"{differs.In310}; as here from {version} on ({differs.Source})",
        _ => $"{differs.In310}; no version is as here: {differs.Source}",
    };

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}
