using System.Globalization;
using System.Text.RegularExpressions;
using Granary.Testing.Brokers;
using RabbitMQ.Client;

namespace Granary.Cli.Tests.Compared;

/// <summary>A broker and Debian's rabbitmq-server, which are told the same.</summary>
internal sealed class BothBrokers : IAsyncDisposable
{
    private readonly Dictionary<string, string> _local;
    private readonly Dictionary<string, string> _ours;
    private readonly Dictionary<string, string> _theirs;

    private BothBrokers(BrokerProcess broker, RealRabbit rabbit, string node)
    {
        (Broker, Rabbit) = (broker, rabbit);
        _local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        _ours = Names(node, broker.ProcessId!.Value, broker.AmqpPort);
        _theirs = Names(rabbit.NodeName, rabbit.ProcessId, rabbit.AmqpPort);
    }

    public BrokerProcess Broker { get; }

    public RealRabbit Rabbit { get; }

    public static async Task<BothBrokers> StartAsync()
    {
        var rabbit = RealRabbit.StartAsync();
        var broker = await BrokerProcess.StartAsync();
        var local = new Dictionary<string, string> { ["GRANARY_DATA"] = broker.DataFolder! };
        return new BothBrokers(broker, await rabbit, (await Ctl.RunAsync("rabbitmqctl", local, "eval", "node().")).Output.Trim().Trim('\''));
    }

    /// <summary>Runs lines one after the other, at both at once, and tells of each what came of it at RabbitMQ and here.</summary>
    public async Task<IReadOnlyList<(string[] Line, CtlResult Theirs, CtlResult Ours)>> RunAsync(IEnumerable<string[]> all)
    {
        string[][] lines = [.. all];
        var asked = Rabbit.RunAllAsync([.. lines.Select(line => Put(line, _theirs))]);
        List<CtlResult> ours = [];
        foreach (var line in lines)
        {
            ours.Add(Take(await RunHereAsync(Put(line, _ours)), _ours));
        }

        var theirs = await asked;
        return [.. lines.Select((line, number) => (line, Take(theirs[number], _theirs), ours[number]))];
    }

    public Task<CtlResult> RunHereAsync(params string[] line) =>
        line[0].StartsWith("rabbitmq", StringComparison.Ordinal) ? Ctl.RunAsync(line[0], _local, line[1..]) : Ctl.RunAsync("rabbitmqctl", _local, line);

    /// <summary>Does the same at both, over AMQP.</summary>
    /// <returns>The connections, which stay open.</returns>
    public async Task<IReadOnlyList<IConnection>> ConnectAsync(Func<IChannel, Task> act)
    {
        List<IConnection> made = [];
        foreach (var port in new[] { Broker.AmqpPort, Rabbit.AmqpPort })
        {
            var connection = await new ConnectionFactory { HostName = "127.0.0.1", Port = port, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
            made.Add(connection);
            await act(await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true)));
        }

        return made;
    }

    public async ValueTask DisposeAsync()
    {
        await Broker.DisposeAsync();
        await Rabbit.DisposeAsync();
    }

    private static Dictionary<string, string> Names(string node, int process, int port) => new()
    {
        ["{node}"] = node,
        ["{pid}"] = process.ToString(CultureInfo.InvariantCulture),
        ["{port}"] = port.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>What each has for itself is told by the name that it stands for. A number that is a part of another one is not it.</summary>
    private static CtlResult Take(CtlResult answer, Dictionary<string, string> names)
    {
        var (output, errors) = (answer.Output, answer.Errors);
        foreach (var (name, value) in names)
        {
            var whole = $@"(?<![\d.]){Regex.Escape(value)}(?!\.?\d)";
            var put = name == "{node}" ? "NODE" : "0";
            (output, errors) = (Regex.Replace(output, whole, put), Regex.Replace(errors, whole, put));
        }

        return answer with { Output = output, Errors = errors };
    }

    private static string[] Put(string[] line, Dictionary<string, string> names) => [.. line.Select(word => names.GetValueOrDefault(word, word))];
}
