overlap run -k echo {/.} ::: photos/one.jpg photos/two.jpg
printf 'a,1\nb,2\n' | overlap run -k --colsep , echo '{2} of {1}'
overlap run -k --shell 'echo {} | tr a-z A-Z' ::: "it's quoted"
overlap run --json true ::: x y | jq .done
