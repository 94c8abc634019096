using Granary.Bench.Amqp;
using Granary.Bench.Load;
using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Grpc.Core;

namespace Granary.Bench.Tests;

/// <summary>Load over gRPC against the broker itself: nothing else speaks it.</summary>
[WatchedBroker]
public sealed class GrpcLoadTests : BrokerFixture, IAsyncLifetime
{
    private LoadOptions Options => new()
    {
        Endpoint = new Endpoint("127.0.0.1", Broker.GrpcPort, "guest", "guest", "/") { IsGrpc = true },
        Prefix = "bench.grpc",
        Messages = 5_000,
        Patience = TimeSpan.FromSeconds(30),
    };

    [Theory]
    [InlineData(1, 1, 1, 0)]
    [InlineData(3, 2, 5, 16)]
    [InlineData(2, 3, 2, 70_000)]
    public void Run_ProducersConsumersQueues_ConsumesAll(int producers, int consumers, int queues, int size)
    {
        var result = Run(Options with { Producers = producers, Consumers = consumers, Queues = queues, Size = size, Messages = 1_001 });
        Assert.Equal((1_001, 1_001, 0), (result.Published, result.Consumed, result.Missing));
        Assert.Null(result.Confirmed);
        Assert.True(result.PublishedPerS > 0);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(100, true)]
    public void Run_ConfirmsAndAcknowledgements_CountsAll(int window, bool late)
    {
        var result = Run(Options with { ConfirmWindow = window, AckBatch = 50, Prefetch = 20, Messages = 701, LateConsumers = late });
        Assert.Equal((701, 701, 0), (result.Confirmed, result.Consumed, result.Missing));
        Assert.NotNull(result.ConfirmP50Us);
    }

    [Fact]
    public void Run_FanoutAtARate_MeasuresEachCopy()
    {
        var result = Run(Options with
        {
            Exchange = "bench.grpc.fanout",
            ExchangeType = "fanout",
            Queues = 3,
            Consumers = 3,
            Rate = 2_000,
            Messages = 500,
            Bindings = 7,
            OnePerPacket = true,
        });
        Assert.Equal((500, 1_500, 1_500), (result.Published, result.Consumed, result.LatencySamples));
        Assert.True(result.BindingsPerS > 0);
    }

    [Fact]
    [Logs(1505)]
    public void Run_WrongPassword_SaysWhatTheBrokerSaid()
    {
        var options = Options;
        var error = Assert.Throws<RpcException>(() => Run(options with { Endpoint = options.Endpoint with { Password = "wrong" } }));
        Assert.Equal(StatusCode.Unauthenticated, error.StatusCode);
    }

    private static LoadResult Run(LoadOptions options) => new LoadRun(options, new GrpcLoad(options)).Run();
}
