using System.Text;
using System.Text.RegularExpressions;
using Granary.Cli.Commands;
using Granary.Cli.Tests.Compared;
using RabbitMQ.Client;

namespace Granary.Cli.Tests;

/// <summary>The same command lines to Debian's rabbitmqctl with its server, and to this one with Granary.</summary>
public sealed partial class RabbitmqctlTests
{
    private const int AlarmRaised = 1403, ListenersSuspended = 1408, ApplicationStopped = 1410;

    private static readonly string[] Tools = ["rabbitmqctl", "rabbitmq-diagnostics", "rabbitmq-plugins", "rabbitmq-queues", "rabbitmq-streams", "rabbitmq-upgrade"];

    /// <summary>Standard output, standard error, exit code and the names in JSON.</summary>
    [Fact]
    public async Task CommandLines_ToBothTools_ComeToTheSame()
    {
        await using var both = await BothBrokers.StartAsync();
        both.Broker.Watched.Expect(AlarmRaised, ListenersSuspended, ApplicationStopped);
        var report = new Report();
        await report.RequireEachAsync(both);

        var clients = await both.ConnectAsync(MakeAsync);
        await report.CompareAsync(both, report.Wrong);
        await report.CompareAsync(both, ComparedLines.Asked);
        await report.CompareAsync(both, ComparedLines.InAlarm);
        await report.CompareAsync(both, ComparedLines.WithClients);
        await report.CompareAsync(both, ComparedLines.WithoutClients);
        var others = await both.ConnectAsync(MakeOfEachKindAsync);
        await report.CompareAsync(both, ComparedLines.Changing);

        // A message that nobody has got: RabbitMQ tells so, too.
        await both.ConnectAsync(PublishToQuorumAsync);
        string[] peek = ["rabbitmq-queues", "peek", "peeked", "1", "--formatter", "json"];
        Assert.Equal(
            (await both.Rabbit.RunAllAsync([peek]))[0].Output.Replace("\"header.x-delivery-count\":0,", "", StringComparison.Ordinal),
            (await both.RunHereAsync(peek)).Output);

        // There are more of them here, of later versions.
        var flags = await both.Rabbit.RunAllAsync([["list_feature_flags", "-s", "name", "state"]]);
        Assert.Empty(flags[0].Output.Split('\n').Except((await both.RunHereAsync("list_feature_flags", "-s", "name", "state")).Output.Split('\n')));

        await report.CompareAsync(both, ComparedLines.Stopping);
        await report.CompareAsync(both, ComparedLines.WhileStopped, "stopped: ");
        await report.CompareAsync(both, ComparedLines.Leaving);
        foreach (var connection in clients.Concat(others))
        {
            await connection.DisposeAsync();
        }

        Assert.True(report.Text.Length == 0, report.Text);
    }

    private static async Task MakeAsync(IChannel channel)
    {
        await channel.QueueDeclareAsync("orders", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-max-length"] = 5 });
        await channel.QueueDeclareAsync("busy", durable: false, exclusive: false, autoDelete: true);
        await channel.QueueDeclareAsync("own", durable: false, exclusive: true, autoDelete: false);
        await channel.QueueDeclareAsync(@"ba\ck", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-dead-letter-exchange"] = @"a\b" });
        await channel.QueueDeclareAsync("q\"uo,te", durable: true, exclusive: false, autoDelete: false);
        await channel.ExchangeDeclareAsync("logs", ExchangeType.Topic, durable: true, autoDelete: false, new Dictionary<string, object?> { ["alternate-exchange"] = "amq.fanout" });
        await channel.QueueBindAsync("orders", "logs", "a.*", new Dictionary<string, object?> { ["k"] = "v" });
        await channel.ExchangeBindAsync("logs", "amq.direct", "z");
        await channel.BasicPublishAsync("", "orders", new byte[3]);
        await channel.BasicPublishAsync("", "orders", new byte[3]);
        await channel.BasicQosAsync(0, 7, global: false);
        await channel.BasicConsumeAsync("busy", autoAck: false, "ct", new Dictionary<string, object?> { ["x-priority"] = 3 }, new AsyncDefaultBasicConsumer(channel));
    }

    private static async Task MakeOfEachKindAsync(IChannel channel)
    {
        await channel.QueueDeclareAsync("plain", durable: true, exclusive: false, autoDelete: false);
        await channel.QueueDeclareAsync("quorum", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        await channel.QueueDeclareAsync("stream", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "stream" });
    }

    private static async Task PublishToQuorumAsync(IChannel channel)
    {
        await channel.QueueDeclareAsync("peeked", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        var properties = new BasicProperties { ContentType = "text/plain", DeliveryMode = DeliveryModes.Persistent, MessageId = "m1", Headers = new Dictionary<string, object?> { ["h"] = "v" } };
        await channel.BasicPublishAsync("", "peeked", mandatory: true, properties, "hello"u8.ToArray());
    }

    /// <summary>What was seen: an entry of the list that is not needed any more is a fault, too.</summary>
    private sealed partial class Report
    {
        private readonly StringBuilder _faults = new();
        private readonly Dictionary<Difference, Parts> _seen = Differences.All.ToDictionary(static difference => difference, static _ => Parts.None);
        private readonly HashSet<string> _run = [];
        private readonly HashSet<string> _listed = [];

        /// <summary>Wrong ways to call each command that both tools have.</summary>
        public List<string[]> Wrong { get; } = [];

        public string Text
        {
            get
            {
                var stale = _seen.Where(static one => one.Value != one.Key.Parts && !one.Key.IsOfTheMoment)
                    .Select(static one => $"{one.Key.Line}: listed as different in {one.Key.Parts}, and is in {one.Value}\n");
                return $"{_faults}{string.Concat(stale)}";
            }
        }

        public async Task CompareAsync(BothBrokers both, IEnumerable<string[]> lines, string when = "")
        {
            foreach (var (line, theirs, ours) in await both.RunAsync(lines))
            {
                var text = $"{when}{string.Join(' ', line)}";
                Difference[] listed = [.. Differences.All.Where(one => one.IsOf(text))];
                var differing = Answers.Differing(theirs, ours, [.. listed.Select(static one => one.Own).OfType<string>()]);
                var allowed = Parts.None;
                foreach (var difference in listed)
                {
                    allowed |= difference.Parts;
                    _seen[difference] |= differing & difference.Parts;
                }

                if ((differing & ~allowed) != Parts.None)
                {
                    _faults.Append($"{text}: {differing & ~allowed}\n  RabbitMQ: {theirs}\n  here:     {ours}\n{Answers.NamesApart(theirs, ours)}");
                }
            }
        }

        /// <summary>Asks RabbitMQ's tools themselves which commands they have: each must be here and be compared, or stand in a list with the reason.</summary>
        public async Task RequireEachAsync(BothBrokers both)
        {
            foreach (var line in Lines())
            {
                _run.Add(line[0].StartsWith("rabbitmq", StringComparison.Ordinal) ? line[1] : line[0]);
            }

            foreach (var tool in Tools)
            {
                var help = await both.Rabbit.HelpAsync(tool);
                var theirs = CommandName().Matches(help).Select(static match => match.Groups[1].Value).ToHashSet();
                Assert.True(theirs.Count > 3, $"{tool} lists no commands: {help}");
                var ours = Tool.Of(tool).Commands.ToDictionary(static command => command.Name);
                foreach (var name in theirs.Where(static name => name != "help"))
                {
                    if (!ours.TryGetValue(name, out var command))
                    {
                        Require(IsListed(Differences.NotHere, tool, name), $"{tool} {name} is not here");
                        continue;
                    }

                    Require(_run.Contains(name) != IsListed(Differences.NotRun, tool, name), $"{tool} {name} is not compared, or is listed as not compared");
                    Wrong.AddRange(ComparedLines.Wrong(tool, name, command.LeastWords));
                }

                foreach (var name in ours.Keys.Where(name => !theirs.Contains(name)))
                {
                    Require(IsListed(Differences.NotThere, tool, name), $"{tool} {name} is not RabbitMQ's");
                }
            }

            foreach (var stale in new[] { Differences.NotHere, Differences.NotRun, Differences.NotThere }.SelectMany(static list => list.Keys).Where(key => !_listed.Contains(key)))
            {
                _faults.Append($"{stale} is listed for nothing\n");
            }
        }

        private bool IsListed(Dictionary<string, string> list, string tool, string name)
        {
            var key = new[] { name, $"{tool} {name}" }.FirstOrDefault(list.ContainsKey);
            _listed.Add(key ?? "");
            return key is not null;
        }

        private static IEnumerable<string[]> Lines() =>
            [.. ComparedLines.Asked, .. ComparedLines.WithClients, .. ComparedLines.WithoutClients, .. ComparedLines.Changing, .. ComparedLines.Stopping, .. ComparedLines.Leaving];

        private void Require(bool isSo, string otherwise)
        {
            if (!isSo)
            {
                _faults.Append($"{otherwise}\n");
            }
        }

        [GeneratedRegex(@"^   ([a-z_]+) ", RegexOptions.Multiline)]
        private static partial Regex CommandName();
    }
}
