using System.Text.RegularExpressions;
using k8s;
using k8s.Models;

namespace Granary.Chart.Tests.Rendering;

/// <summary>Rendered objects, read by the types of Kubernetes' client: a field that those do not know is an error.</summary>
internal sealed partial class Manifests
{
    // What the newest client has forgotten. The fields that the chart uses are those of the versions that came after.
    private static readonly Dictionary<string, Type> Older = new()
    {
        ["policy/v1beta1/PodDisruptionBudget"] = typeof(V1PodDisruptionBudget),
        ["autoscaling/v2beta2/HorizontalPodAutoscaler"] = typeof(V2HorizontalPodAutoscaler),
    };

    private Manifests(List<string> texts, List<object> objects, List<string> foreign) => (Texts, Objects, Foreign) = (texts, objects, foreign);

    /// <summary>All documents as they were rendered.</summary>
    public IReadOnlyList<string> Texts { get; }

    /// <summary>Kinds that are no part of Kubernetes itself, such as <c>keda.sh/v1alpha1/ScaledObject</c>: their fields are not checked.</summary>
    public IReadOnlyList<string> Foreign { get; }

    /// <summary>Kinds with their versions, in the order of the documents.</summary>
    public IEnumerable<string> Kinds => Texts.Select(KindOf);

    private List<object> Objects { get; }

    public static Manifests Parse(string output)
    {
        var texts = DocumentStart().Split(output).Where(text => ApiVersion().IsMatch(text)).ToList();
        var (own, foreign) = (new List<object>(), new List<string>());
        foreach (var text in texts)
        {
            var kind = KindOf(text);
            if (IsForeign(kind))
            {
                foreign.Add(kind);
            }
            else
            {
                own.AddRange(KubernetesYaml.LoadAllFromString(text, Older, strict: true));
            }
        }

        return new Manifests(texts, own, foreign);
    }

    public IEnumerable<T> Of<T>() => Objects.OfType<T>();

    public T One<T>(string name)
        where T : IMetadata<V1ObjectMeta> => Of<T>().Single(one => one.Metadata.Name == name);

    private static string KindOf(string text) => $"{ApiVersion().Match(text).Groups[1].Value}/{Kind().Match(text).Groups[1].Value}";

    private static bool IsForeign(string kind) => kind.Split('/')[0] is "cert-manager.io" or "keda.sh" or "monitoring.coreos.com" or "gateway.networking.k8s.io";

    [GeneratedRegex("^---$", RegexOptions.Multiline)]
    private static partial Regex DocumentStart();

    [GeneratedRegex("^apiVersion: (.+)$", RegexOptions.Multiline)]
    private static partial Regex ApiVersion();

    [GeneratedRegex("^kind: (.+)$", RegexOptions.Multiline)]
    private static partial Regex Kind();
}
