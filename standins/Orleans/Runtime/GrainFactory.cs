using Orleans.Runtime;

namespace Orleans.StandIn;

/// <summary>The grain factory and cluster client of the one silo.</summary>
internal sealed class GrainFactory(Silo silo) : IClusterClient
{
    private long _lastObserver;

    public IServiceProvider ServiceProvider => silo.Services;

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(primaryKey);
        return Get<TGrainInterface>(primaryKey, grainClassNamePrefix);
    }

    public TGrainInterface GetGrain<TGrainInterface>(Guid primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithGuidKey
        => Get<TGrainInterface>(primaryKey.ToString("N"), grainClassNamePrefix);

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithIntegerKey
        => Get<TGrainInterface>(primaryKey.ToString("X", System.Globalization.CultureInfo.InvariantCulture), grainClassNamePrefix);

    public TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
        where TGrainInterface : IAddressable
        => (TGrainInterface)Proxies.Of(typeof(TGrainInterface))(new(silo, grainId, GrainCatalog.ByName(grainId.Type), null));

    public IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(grainPrimaryKey);
        var grainClass = GrainCatalog.Implementing(grainInterfaceType, null);
        return (IGrain)Proxies.Of(grainInterfaceType)(new(silo, GrainId.Create(grainClass.Name, grainPrimaryKey), grainClass, null));
    }

    public TGrainObserverInterface CreateObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver
    {
        ArgumentNullException.ThrowIfNull(obj);
        if (!silo.WasStarted)
        {
            // The original fails with a NullReferenceException; not later than here, because only a started silo is sure to have one.
            throw new InvalidOperationException("No object reference can be created before the silo is started.");
        }

        if (Activation.Current is not null)
        {
            throw new InvalidOperationException("Cannot create a local object reference from a grain.");
        }

        if (obj is GrainReference)
        {
            throw new ArgumentException("The object is a reference already.", nameof(obj));
        }

        if (obj is Grain)
        {
            throw new ArgumentException("A grain cannot be an observer object; pass a reference to it instead.", nameof(obj));
        }

        if (obj is not TGrainObserverInterface)
        {
            throw new ArgumentException($"{obj.GetType()} does not implement {typeof(TGrainObserverInterface)}.", nameof(obj));
        }

        var id = GrainId.Create("sys.client", $"hosted+{Interlocked.Increment(ref _lastObserver)}");
        var target = new ObserverTarget(silo, id, obj);
        silo.Directory.Join(target);
        return (TGrainObserverInterface)Proxies.Of(typeof(TGrainObserverInterface))(new(silo, id, null, target));
    }

    public void DeleteObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver
    {
        if (obj is not GrainReference { Target: ObserverTarget target } || !target.Delete())
        {
            throw new ArgumentException("The argument is not a reference to an object of this process.", nameof(obj));
        }
    }

    public GrainReference Untyped(GrainId grainId, GrainClass grainClass) => GrainReference.Untyped(new(silo, grainId, grainClass, null));

    private TGrainInterface Get<TGrainInterface>(string key, string? prefix)
    {
        var grainClass = prefix is null ? ClassOf<TGrainInterface>.Value : GrainCatalog.Implementing(typeof(TGrainInterface), prefix);
        return (TGrainInterface)ProxyOf<TGrainInterface>.Create(new(silo, new(grainClass.Name, IdSpan.Create(key)), grainClass, null));
    }

    private static class ClassOf<T>
    {
        private static GrainClass? Found;

        public static GrainClass Value => Found ??= GrainCatalog.Implementing(typeof(T), null);
    }

    private static class ProxyOf<T>
    {
        private static Func<ReferenceSeed, object>? Made;

        public static Func<ReferenceSeed, object> Create => Made ??= Proxies.Of(typeof(T));
    }
}
