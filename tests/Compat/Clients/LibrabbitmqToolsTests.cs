using Granary.Testing.Brokers;
using Granary.Testing.Processes;

namespace Granary.Compat.Tests.Clients;

/// <summary>librabbitmq by its command-line tools (Debian's amqp-tools).</summary>
[WatchedBroker]
public sealed class LibrabbitmqToolsTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly string _queue = $"librabbitmq.{Guid.NewGuid():N}";

    [Fact]
    public async Task AmqpGet_AfterPublish_GivesTheBodyAndThenNothing()
    {
        Assert.Equal(_queue, await RunAsync("amqp-declare-queue", "-d", "-q", _queue));
        await RunAsync("amqp-publish", "-r", _queue, "-p", "-C", "text/plain", "-b", "by the tools");
        Assert.Equal("by the tools", await RunAsync("amqp-get", "-q", _queue));

        await using var empty = Start("amqp-get", "-q", _queue);
        Assert.Equal(2, await empty.WaitForExitAsync(Limit));
        await RunAsync("amqp-delete-queue", "-q", _queue);
    }

    [Fact]
    public async Task AmqpConsume_ThreeMessages_RunsTheCommandForEachInOrder()
    {
        await RunAsync("amqp-declare-queue", "-q", _queue);
        foreach (var body in new[] { "one\n", "two\n", "three\n" })
        {
            await RunAsync("amqp-publish", "-r", _queue, "-b", body);
        }

        Assert.Equal("one\ntwo\nthree", await RunAsync("amqp-consume", "-q", _queue, "-c", "3", "-p", "1", "cat"));
        Assert.Equal("0", await RunAsync("amqp-delete-queue", "-q", _queue));
    }

    [Fact]
    public async Task AmqpConsume_BoundToTopicExchange_GetsWhatIsPublishedThere()
    {
        await using var consumer = Start("amqp-consume", "-e", "amq.topic", "-r", $"{_queue}.#", "-c", "1", "cat");

        // The tool says nothing when it is bound: publish until it has had one and ended.
        using var limit = new CancellationTokenSource(Limit);
        while (!consumer.HasExited && !limit.IsCancellationRequested)
        {
            await RunAsync("amqp-publish", "-e", "amq.topic", "-r", $"{_queue}.a.b", "-b", "found\n");
        }

        Assert.Equal(0, await consumer.WaitForExitAsync(Limit));
        Assert.Contains("found", consumer.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AmqpDeleteQueue_WithMessages_TellsHowMany()
    {
        await RunAsync("amqp-declare-queue", "-q", _queue);
        await RunAsync("amqp-publish", "-r", _queue, "-b", "left");
        Assert.Equal("1", await RunAsync("amqp-delete-queue", "-q", _queue));
    }

    private ChildProcess Start(string tool, params string[] arguments) =>
        ChildProcess.Start(tool, ["-u", shared.Broker.AmqpUrl, .. arguments]);

    private async Task<string> RunAsync(string tool, params string[] arguments) =>
        (await ChildProcess.RunAsync(tool, ["-u", shared.Broker.AmqpUrl, .. arguments], Limit)).Trim();
}
