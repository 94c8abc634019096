namespace Granary.Testing.Brokers;

/// <summary>Gives a test class the broker that the whole run shares (xunit's class fixture).</summary>
public class BrokerFixture
{
    private BrokerProcess? _broker;

    /// <summary>The shared broker.</summary>
    public BrokerProcess Broker => _broker ?? throw new InvalidOperationException("The fixture has not been initialized.");

    /// <summary>Waits for the broker; a test project's own fixture calls it from IAsyncLifetime, so that this project needs no xunit.</summary>
    public async Task InitializeAsync() => _broker = await BrokerProcess.SharedAsync().ConfigureAwait(false);

    /// <summary>Nothing to give back: the shared broker outlives the class.</summary>
    public Task DisposeAsync() => Task.CompletedTask;
}
