using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Granary.Testing.Postgres;

namespace Granary.Compat.Tests.Clients;

/// <summary>pika 1.2 (Debian's): what RabbitMQ's six tutorials do, and the delivery guarantees.</summary>
[WatchedBroker]
public sealed class PikaTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    [Theory]
    [InlineData("hello")]
    [InlineData("work_queue")]
    [InlineData("fanout_logs")]
    [InlineData("direct_logs")]
    [InlineData("topic_logs")]
    [InlineData("rpc")]
    [InlineData("delivery_guarantees")]
    [InlineData("global_prefetch")]
    [InlineData("priorities")]
    [InlineData("message_lease")]
    [InlineData("bind_delete_race")]
    public Task Pika_Script_Passes(string script) => Script.RunAsync(shared.Broker, Script.Python, $"Python/{script}.py");

    [Theory]
    [InlineData("files")]
    [InlineData("postgres")]
    public async Task Pika_NamesWithNul_WorkAndOutliveTheBroker(string store)
    {
        string[] options = store == "postgres" ? ["--connection", await (await PostgresServer.SharedAsync()).CreateDatabaseAsync()] : [];
        await using var node = new KilledNode(["--store", store, .. options]);
        await node.StartAsync();
        await Script.RunWithRestartAsync(node, [Script.Python], "Python/names_with_nul.py");
    }

    [Fact]
    [Logs(1205)]
    public Task Pika_Streams_AreReadFromEverywhere() => Script.RunAsync(shared.Broker, Script.Python, "Python/streams.py");

    [Theory]
    [InlineData("files")]
    [InlineData("postgres")]
    public async Task Pika_Stream_OutlivesTheBroker(string store)
    {
        string[] options = store == "postgres" ? ["--connection", await (await PostgresServer.SharedAsync()).CreateDatabaseAsync()] : [];
        await using var node = new KilledNode(["--store", store, .. options]);
        await node.StartAsync();
        await Script.RunWithRestartAsync(node, [Script.Python], "Python/streams_restart.py");
    }
}
