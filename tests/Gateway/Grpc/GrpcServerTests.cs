using Granary.Core.Alarms;
using Granary.Core.Routing;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Grpc;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Tests.Fakes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Grpc;

public sealed class GrpcServerTests
{
    [Fact]
    public async Task UnaryLinks_OfSeveralFirstCallsAtOnce_AreTheSameAndNoOthersAreOpen()
    {
        const int Callers = 200, CallsAtOnce = 4;
        var grains = new FakeGrains(_ => new ScriptedQueue());
        using var router = new Router(grains.Factory, TimeProvider.System, NullLogger<Router>.Instance);
        var server = new GrpcServer(
            grains.Factory, router, new ReplyRegistry(), new FakeAccess(), new PublisherAlarms(), new AmqpOptions(), new FakeLifetime(), TimeProvider.System,
            NullLogger<GrpcServer>.Instance);
        for (var i = 0; i < Callers; i++)
        {
            var caller = new Caller($"user {i}", "/");
            using var together = new Barrier(CallsAtOnce);
            var links = await Task.WhenAll(Enumerable.Range(0, CallsAtOnce).Select(_ => Task.Factory.StartNew(
                () =>
                {
                    together.SignalAndWait();
                    return server.UnaryLinksOf(caller);
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
            Assert.Single(links.Distinct());
        }

        Assert.Equal(Callers, server.Counts.Open);
    }
}
