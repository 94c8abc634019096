using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Concurrency;
using Orleans.Runtime;

namespace Orleans.StandIn;

/// <summary>What the runtime knows of one grain class.</summary>
internal sealed class GrainClass
{
    private readonly Lazy<Func<Activation, object>> _create;

    public GrainClass(Type type)
    {
        Type = type;
        Name = GrainType.Create(type.GetCustomAttribute<GrainTypeAttribute>()?.Name ?? DefaultName(type));
        IsReentrant = type.IsDefined(typeof(ReentrantAttribute));
        Workers = type.GetCustomAttribute<StatelessWorkerAttribute>()?.MaxLocalWorkers;
        AgeLimit = type.IsDefined(typeof(KeepAliveAttribute))
            ? TimeSpan.MaxValue
            : type.GetCustomAttribute<CollectionAgeLimitAttribute>()?.AgeLimit;
        _create = new(Compile);
    }

    public Type Type { get; }

    public GrainType Name { get; }

    public bool IsReentrant { get; }

    public int? Workers { get; }

    /// <summary>The class's own limit for idleness; MaxValue keeps its activations for ever.</summary>
    public TimeSpan? AgeLimit { get; }

    public object Create(Activation activation) => _create.Value(activation);

    private static string DefaultName(Type type)
    {
        var name = type.Name.ToLowerInvariant();
        var generic = name.IndexOf('`', StringComparison.Ordinal);
        name = generic < 0 ? name : name[..generic];
        return name.Length > 5 && name.EndsWith("grain", StringComparison.Ordinal) ? name[..^5] : name;
    }

    private Func<Activation, object> Compile()
    {
        var facets = Type.GetConstructors()
            .OrderByDescending(constructor => constructor.GetParameters().Length)
            .FirstOrDefault()?.GetParameters()
            .Where(parameter => parameter.IsDefined(typeof(PersistentStateAttribute), inherit: true))
            .ToArray() ?? [];
        var create = ActivatorUtilities.CreateFactory(Type, [.. facets.Select(facet => facet.ParameterType)]);
        var states = facets.Select(StateFacet.For).ToArray();
        return activation => create(activation.ActivationServices, [.. states.Select(state => state(activation))]);
    }
}
