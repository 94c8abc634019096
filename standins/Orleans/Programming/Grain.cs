using Orleans.Runtime;
using Orleans.StandIn;

namespace Orleans;

/// <summary>The base class of grains.</summary>
public abstract class Grain : IGrainBase, IAddressable
{
    protected Grain()
    {
        GrainContext = Activation.Constructing
            ?? throw new InvalidOperationException("A grain is constructed by the runtime only; call it through a reference from IGrainFactory.");
    }

    protected Grain(IGrainContext grainContext)
    {
        ArgumentNullException.ThrowIfNull(grainContext);
        GrainContext = grainContext;
    }

    public IGrainContext GrainContext { get; }

    public GrainReference GrainReference => GrainContext.GrainReference;

    public string IdentityString => GrainContext.GrainId.ToString();

    public string RuntimeIdentity => Activation.Of(this).Silo.Details.SiloAddress.ToString();

    protected IGrainFactory GrainFactory => Activation.Of(this).Silo.Factory;

    protected internal IServiceProvider ServiceProvider => Activation.Of(this).Silo.Services;

    public virtual Task OnActivateAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public virtual Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => Task.CompletedTask;

    protected void DeactivateOnIdle() => GrainBaseExtensions.DeactivateOnIdle(this);

    protected void DelayDeactivation(TimeSpan timeSpan) => Activation.Of(this).DelayDeactivation(timeSpan);

    /// <summary>With one process there is nowhere to go: the activation ends, and the next call makes another.</summary>
    protected void MigrateOnIdle() => GrainBaseExtensions.MigrateOnIdle(this);
}
