using k8s.Models;

namespace Granary.Chart.Tests.Running;

/// <summary>A pod that a workload stands for: its address, and the folder that its volumes are in, which stays when its process ends.</summary>
internal sealed record Pod(string Name, IDictionary<string, string> Labels, V1PodSpec Spec, string Address, string Folder)
{
    /// <summary>What is mounted of a volume: files of a secret, or an empty folder.</summary>
    public string FolderOf(string volume, Cluster cluster)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Folder, volume)).FullName;
        if (Spec.Volumes.SingleOrDefault(one => one.Name == volume)?.Secret is { } secret)
        {
            foreach (var item in secret.Items)
            {
                File.WriteAllText(Path.Combine(folder, item.Path), cluster.SecretOf(secret.SecretName)[item.Key]);
            }
        }

        return folder;
    }
}
