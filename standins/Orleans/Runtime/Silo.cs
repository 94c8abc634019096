using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Orleans.StandIn;

/// <summary>The one silo of a host: what grains run on, and its housekeeping.</summary>
internal sealed class Silo
{
    private ITimer? _sweep;
    private ITimer? _collect;

    public Silo(
        IServiceProvider services,
        ILocalSiloDetails details,
        IOptions<GrainCollectionOptions> collection,
        IOptions<SiloMessagingOptions> messaging,
        IOptions<UnkindOptions> unkind,
        ILogger<Silo> logger)
    {
        Services = services;
        Details = details;
        Collection = collection.Value;
        ResponseTimeoutMilliseconds = (int)Math.Min(int.MaxValue, messaging.Value.ResponseTimeout.TotalMilliseconds);
        Log = new(logger);
        Time = (TimeProvider?)services.GetService(typeof(TimeProvider)) ?? TimeProvider.System;
        Directory = new(this);
        Factory = new(this);
        Unkindness = Unkindness.From(unkind.Value, (IConfiguration?)services.GetService(typeof(IConfiguration)));
    }

    public IServiceProvider Services { get; }

    public ILocalSiloDetails Details { get; }

    public GrainCollectionOptions Collection { get; }

    public int ResponseTimeoutMilliseconds { get; }

    public SiloLog Log { get; }

    public TimeProvider Time { get; }

    public GrainDirectory Directory { get; }

    public GrainFactory Factory { get; }

    public Unkindness? Unkindness { get; }

    public bool IsOpen { get; private set; }

    public bool WasStarted { get; private set; }

    public void Start()
    {
        if (Collection.CollectionAge <= Collection.CollectionQuantum)
        {
            throw new OrleansConfigurationException(
                $"{nameof(GrainCollectionOptions.CollectionAge)} must be greater than {nameof(GrainCollectionOptions.CollectionQuantum)}.");
        }

        var sweepEvery = TimeSpan.FromMilliseconds(Math.Clamp(ResponseTimeoutMilliseconds / 4, 10, 1000));
        _sweep = TimeProvider.System.CreateTimer(_ => Directory.ExpireOverdue(), null, sweepEvery, sweepEvery);
        _collect = TimeProvider.System.CreateTimer(_ => Directory.CollectIdle(), null, Collection.CollectionQuantum, Collection.CollectionQuantum);
        IsOpen = true;
        WasStarted = true;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (!IsOpen)
        {
            return;
        }

        _collect!.Dispose();
        await Directory.DeactivateAllAsync(cancellationToken);
        IsOpen = false;
        _sweep!.Dispose();
    }
}
