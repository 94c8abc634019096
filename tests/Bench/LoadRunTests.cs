using Granary.Bench.Amqp;
using Granary.Bench.Calibration;
using Granary.Bench.Load;

namespace Granary.Bench.Tests;

public sealed class LoadRunTests : IDisposable
{
    private readonly NullBroker _broker = new(port: 0);
    private readonly LoadOptions _options;

    public LoadRunTests()
    {
        new Thread(_broker.Serve) { IsBackground = true }.Start();
        _options = new LoadOptions
        {
            Endpoint = Endpoint.Default with { Port = _broker.Port },
            Messages = 10_000,
            Patience = TimeSpan.FromSeconds(30),
        };
    }

    public void Dispose() => _broker.Dispose();

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(3, 2, 5)]
    [InlineData(5, 3, 2)]
    public void Run_ProducersConsumersQueues_ConsumesAll(int producers, int consumers, int queues)
    {
        var result = Run(_options with { Producers = producers, Consumers = consumers, Queues = queues });
        Assert.Equal(10_000, result.Published);
        Assert.Equal(10_000, result.Consumed);
        Assert.Equal(0, result.Missing);
        Assert.Null(result.Confirmed);
        Assert.True(result.ConsumedPerS > 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Run_ConfirmWindow_ConfirmsAll(int window)
    {
        var result = Run(_options with { ConfirmWindow = window, AckBatch = 50, Prefetch = 500, Messages = 2_001 });
        Assert.Equal(2_001, result.Confirmed);
        Assert.Equal(2_001, result.Consumed);
        Assert.Equal(0, result.Missing);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(131_064)]
    [InlineData(400_000)]
    public void Run_AnySize_ConsumesAll(int size)
    {
        var result = Run(_options with { Size = size, Messages = 100 });
        Assert.Equal(100, result.Consumed);
        Assert.Equal(0, result.Missing);
    }

    [Fact]
    public void Run_Rate_KeepsItAndMeasuresLatency()
    {
        var result = Run(_options with { Rate = 2000, Messages = 1000, OnePerPacket = true });
        Assert.Equal(1000, result.LatencySamples);
        Assert.InRange(result.LatencyP50Us ?? 0, 0.1, 1e6);
        Assert.InRange(result.Seconds, 0.49, 30);
    }

    [Fact]
    public void Run_LateConsumers_DrainsTheBacklog()
    {
        var result = Run(_options with { LateConsumers = true, Queues = 2, Consumers = 2 });
        Assert.Equal(10_000, result.Consumed);
        Assert.True(result.ConsumedPerS > 0);
    }

    [Fact]
    public void Run_IdleConnections_AreOpenedAndHeld()
    {
        var result = Run(_options with { IdleConnections = 20, Messages = 100 });
        Assert.Equal(20, result.IdleConnections);
        Assert.Equal(100, result.Consumed);
    }

    [Fact]
    public void Run_BrokerPid_ReportsItsUse()
    {
        var result = Run(_options with { BrokerPid = Environment.ProcessId });
        Assert.True(result.BrokerRssMib > 1);
        Assert.NotNull(result.BrokerCpuUsPerMessage);
    }

    [Fact]
    public void Run_BrokerRefusesTheQueue_ThrowsItsText()
    {
        var error = Assert.Throws<BrokerException>(() => Run(_options with { Prefix = "forbidden" }));
        Assert.Equal("the broker closed the channel: 403 ACCESS_REFUSED - queue 'forbidden0'", error.Message);
    }

    [Fact]
    public void Run_DeliveriesThatNeverCome_AreMissing()
    {
        var result = new LoadRun(
            _options with { Messages = 100, Patience = TimeSpan.FromMilliseconds(200) },
            new StrayDriver(_options with { Messages = 100, Patience = TimeSpan.FromSeconds(10) })).Run();
        Assert.Equal(100, result.Missing);
        Assert.Equal(0, result.Consumed);
    }

    private static LoadResult Run(LoadOptions options) => new LoadRun(options, new AmqpLoad(options)).Run();

    /// <summary>Publishes elsewhere than it consumes.</summary>
    private sealed class StrayDriver(LoadOptions options) : ILoadDriver
    {
        private readonly AmqpLoad _inner = new(options);

        public TimeSpan Prepare() => _inner.Prepare();

        public ProducerWorker CreateProducer(int index) => new AmqpProducer(options, index, new LoadPlan(options with { Prefix = "elsewhere" }));

        public ConsumerWorker CreateConsumer(int index) => _inner.CreateConsumer(index);

        public IIdleConnections OpenIdle(int count) => _inner.OpenIdle(count);

        public void Clean() => _inner.Clean();
    }
}
