using System.Collections.Concurrent;
using System.Reflection;
using Orleans.Runtime;

namespace Orleans.StandIn;

/// <summary>The grain classes of the assemblies that are loaded or referenced by loaded ones.</summary>
internal static class GrainCatalog
{
    private static readonly ConcurrentDictionary<(Type, string?), GrainClass> Found = new();
    private static readonly Lock Gate = new();
    private static readonly HashSet<Assembly> Seen = [];
    private static readonly List<GrainClass> Classes = [];

    public static GrainClass Implementing(Type grainInterface, string? prefix)
        => Found.GetOrAdd((grainInterface, prefix), static key => Find(key.Item1, key.Item2));

    public static GrainClass ByName(GrainType name)
    {
        lock (Gate)
        {
            Scan();
            return Classes.Find(grain => grain.Name == name) ?? throw new ArgumentException($"Could not find a grain class of type \"{name}\".");
        }
    }

    private static GrainClass Find(Type grainInterface, string? prefix)
    {
        lock (Gate)
        {
            Scan();
            var candidates = Classes
                .Where(grain => grainInterface.IsAssignableFrom(grain.Type))
                .Where(grain => prefix is null || grain.Type.FullName!.StartsWith(prefix, StringComparison.Ordinal))
                .ToArray();
            return candidates switch
            {
                [var only] => only,
                [] => throw new ArgumentException($"Could not find an implementation for interface {grainInterface}."),
                _ => throw new ArgumentException(
                    $"Unable to identify a single appropriate grain type for interface {grainInterface}. "
                    + $"Candidates: {string.Join(", ", candidates.Select(grain => grain.Type.FullName))}."),
            };
        }
    }

    private static void Scan()
    {
        var own = typeof(GrainCatalog).Assembly.GetName().Name;
        var open = new Queue<Assembly>(AppDomain.CurrentDomain.GetAssemblies());
        while (open.TryDequeue(out var assembly))
        {
            if (assembly.IsDynamic || !Seen.Add(assembly))
            {
                continue;
            }

            var references = assembly.GetReferencedAssemblies();
            if (!references.Any(reference => reference.Name == own))
            {
                continue;
            }

            foreach (var reference in references.Where(reference => !IsFramework(reference.Name!)))
            {
                open.Enqueue(Assembly.Load(reference));
            }

            Classes.AddRange(assembly.GetTypes()
                .Where(type => type is { IsClass: true, IsAbstract: false, IsGenericTypeDefinition: false })
                .Where(typeof(IGrainBase).IsAssignableFrom)
                .Select(type => new GrainClass(type)));
        }
    }

    private static bool IsFramework(string name)
        => name.StartsWith("System.", StringComparison.Ordinal) || name.StartsWith("Microsoft.", StringComparison.Ordinal);
}
