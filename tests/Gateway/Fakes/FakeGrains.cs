using Granary.Core.Grains;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>Gives out queues made by the test, by name in the vhost <c>/</c>. Observers are themselves.</summary>
internal sealed class FakeGrains(Func<string, IQueueGrain> queue) : IGrainFactory
{
    private readonly Dictionary<string, IQueueGrain> _queues = [];

    /// <summary>Observers made and not deleted.</summary>
    public int Observers { get; private set; }

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey
    {
        var (vhost, name) = GrainKeys.Parse(primaryKey);
        Assert.Equal("/", vhost);
        if (!_queues.TryGetValue(name, out var grain))
        {
            _queues[name] = grain = queue(name);
        }

        return (TGrainInterface)grain;
    }

    public TGrainInterface GetGrain<TGrainInterface>(Guid primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithGuidKey => throw new NotSupportedException();

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithIntegerKey => throw new NotSupportedException();

    public TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
        where TGrainInterface : IAddressable => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey) => throw new NotSupportedException();

    public TGrainObserverInterface CreateObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver
    {
        Observers++;
        return (TGrainObserverInterface)obj;
    }

    public void DeleteObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver => Observers--;
}
