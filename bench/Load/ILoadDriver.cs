namespace Granary.Bench.Load;

/// <summary>One protocol's way to bring load: it prepares the broker, and makes the workers that <see cref="LoadRun"/> times.</summary>
internal interface ILoadDriver
{
    /// <summary>Declares what the load needs, from scratch; returns how long the extra bindings took.</summary>
    TimeSpan Prepare();

    ProducerWorker CreateProducer(int index);

    ConsumerWorker CreateConsumer(int index);

    /// <summary>Opens connections that do nothing, and returns them to be checked and closed.</summary>
    IIdleConnections OpenIdle(int count);

    void Clean();
}

/// <summary>Connections that are only there.</summary>
internal interface IIdleConnections : IDisposable
{
    /// <summary>Throws if the broker gave one up.</summary>
    void ThrowIfLost();
}
