using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Granary.Core.Links;
using Granary.Gateway.Amqp;
using Granary.Node;
using Granary.Silo.Hosting;
using Granary.Testing.Processes;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Tests.Logging;

/// <summary>What an operator finds of the node's log in docs/operations.md.</summary>
public sealed partial class LogEventsTests
{
    private static readonly Assembly[] Own = [typeof(Link).Assembly, typeof(AmqpServer).Assembly, typeof(StoreHosting).Assembly, typeof(NodeOptions).Assembly];

    private static readonly Dictionary<LogLevel, string> Levels = new()
    {
        [LogLevel.Debug] = "debug",
        [LogLevel.Information] = "info",
        [LogLevel.Warning] = "warn",
        [LogLevel.Error] = "error",
        [LogLevel.Critical] = "critical",
    };

    [Fact]
    public void Ids_OfAllEvents_AreEachOfOneEvent() =>
        Assert.Empty(All().GroupBy(log => log.EventId).Where(events => events.Count() > 1).Select(events => events.Key));

    [Fact]
    public void Table_InTheDocs_HasEachEventWithItsLevelAndNoOther()
    {
        var told = Told();
        Assert.Equal(All().Select(log => log.EventId).Order(), told.Keys.Order());
        Assert.All(All(), log => Assert.Contains(Levels[log.Level], told[log.EventId], StringComparison.Ordinal));
    }

    private static LoggerMessageAttribute[] All() =>
    [
        .. Own.SelectMany(assembly => assembly.GetTypes())
            .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            .Select(method => method.GetCustomAttribute<LoggerMessageAttribute>()).OfType<LoggerMessageAttribute>(),
    ];

    // The levels that a row names, by the ids that it is of.
    private static Dictionary<int, string> Told()
    {
        var page = File.ReadAllText(RepositoryPath.Of("docs", "operations.md"));
        return Row().Matches(page[page.IndexOf("\n## Logs", StringComparison.Ordinal)..])
            .SelectMany(row => row.Groups[1].Value.Split(", ").Select(id => (Id: int.Parse(id, CultureInfo.InvariantCulture), Levels: row.Groups[2].Value)))
            .ToDictionary(row => row.Id, row => row.Levels);
    }

    [GeneratedRegex(@"^\| (\d{4}(?:, \d{4})*) \| ([a-z, ]+) \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
