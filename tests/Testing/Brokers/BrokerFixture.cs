using Granary.Testing.Logs;

namespace Granary.Testing.Brokers;

/// <summary>Gives a test class the broker that the whole run shares (xunit's class fixture).</summary>
public class BrokerFixture
{
    private BrokerProcess? _broker;

    /// <summary>The shared broker.</summary>
    public BrokerProcess Broker => _broker ?? throw new InvalidOperationException("The fixture has not been initialized.");

    /// <summary>Waits for the broker; a test project's own fixture calls it from IAsyncLifetime.</summary>
    public async Task InitializeAsync() => _broker = await BrokerProcess.SharedAsync().ConfigureAwait(false);

    /// <summary>The shared broker outlives the class. It fails when the broker has logged what no test was failed for.</summary>
    public Task DisposeAsync() => ClassEnd.TellAsync(() =>
    {
        _broker?.Settle();
        _broker?.SharedLog.CheckRest();
        return default;
    });
}
